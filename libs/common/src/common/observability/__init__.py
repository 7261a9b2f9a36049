"""What is seen of a service: health, metrics, logs, traces, and the admin port."""
