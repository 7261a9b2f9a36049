"""The compose file, the Dockerfile and the Kubernetes manifests fit the code, without being started.

Variables are settings that exist, ports and probes are those of the services, secrets are made by commands that the
pages for operators name, and no pod or container has more than it needs. tests/containers starts them.
"""
