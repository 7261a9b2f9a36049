"""The server below an app: connections of HTTP/1.1, their limits, and how it leaves (ADR 14)."""
