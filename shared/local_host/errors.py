"""The one error of the local host."""


class HostError(Exception):
    """The app, its host.json or a schedule cannot be served; the message says what to change."""
