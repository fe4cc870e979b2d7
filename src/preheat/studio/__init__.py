"""Floor 6: the local web page. Designs as values -> the functions that train -> pages of NiceGUI.

Importing this package is cheap; NiceGUI loads when the server starts.
"""
