"""Floor 5: studies. A design -> runs -> a tree of stages -> processes that train it -> a folder -> a table.

Importing this package is cheap; torch and the harness load when a stage is trained.
"""
