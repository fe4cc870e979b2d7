"""The lab: everything that trains something. Training, finding rates, studies, and data to do it on.

Importing this package is cheap; torch, transformers, Accelerate and Dask load when something of theirs is used.
"""
