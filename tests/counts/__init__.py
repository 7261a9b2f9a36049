"""What a batch costs in round trips, statements, messages, frames, bytes and parsed JSON: costs.py has the table."""
