"""The home page in a real browser, by mouse and keyboard, on a running system.

What the gateway serves without a browser is tested in services/gateway/tests/test_home.py.
"""
