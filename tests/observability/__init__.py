"""What operators see of a running system: metrics, logs, traces, and what is drawn and told from them."""
