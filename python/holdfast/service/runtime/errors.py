"""Errors that more than one room raises."""


class ConfigError(ValueError):
    """A configuration file that cannot be used.

    The text names file and key and says what to write instead.
    """
