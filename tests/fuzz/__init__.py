"""Generated requests against a running system: from the OpenAPI document, and compared with a model.

Here they are few and the same each time; `make fuzz` generates thousands of others. A failure is shrunk and printed
with its seed.
"""
