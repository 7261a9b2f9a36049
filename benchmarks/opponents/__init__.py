"""What Taskwire is measured against: the single service a team would write instead, plain and tuned, and a limit."""
