"""What operators see of a running system: metrics, logs, traces, alerts, dashboard, and the status page in a browser.

Prometheus and Chromium, where they are installed, read what is made for them. Every metric is in an alert or on the
dashboard, every alert has its page; nothing shows a task's text or a secret.
"""
