"""A local server that speaks the providers' documented API, for people without a key and for the tests.

``world`` is pure: what is true of an account or a video at an instant. ``catalogue`` has every documented route.
``server`` says it over HTTP on 127.0.0.1, in the words of ``speech`` and with the failures of ``faults``.
"""
