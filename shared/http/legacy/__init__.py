"""The routes of the systems that Parley replaces, in their own shapes, thin over the same services; all deprecated.

Nothing else needs this folder: without it and its rows in function_app.py those routes are gone.
"""
