"""The HTTP contract, from outside on a running system: what the API's description promises, and no more.

Six fields, six endpoints, their statuses and problems, for good input and bad, one client and many at once. No test
here knows what is behind the gateway, so that they judge any deployment: TEST_GATEWAY_URL names it.
"""
