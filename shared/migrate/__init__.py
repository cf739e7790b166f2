"""Importers for the systems that kept chat history before: each becomes sessions, stored through the port.

`record.py` is what a source makes of its records, `prepare.py` how that becomes a session, `run.py` the use case,
and `sources/` has one module for each earlier system.
"""
