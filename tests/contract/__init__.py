"""The HTTP contract, from outside, on a running system: what the OpenAPI document promises, and no more.

Every member, operations, their statuses and problems, for good input and bad, one client and many at once. No test
here knows what is behind the gateway, so they test any deployment: TEST_GATEWAY_URL names it.
"""
