"""`make faults`: the promises of the bus (docs/architecture.md, "What is promised") under a campaign of faults.

Clients write and read through the gateway and record each operation (load.py, history.py). Meanwhile the parts of the
system are killed, stopped, cut off from each other and restarted, in an order that comes from a seed (schedule.py,
injuries.py, system.py). Afterwards the history is judged, from the file alone and without any server (checker.py):

- A client owns one user and does one operation at a time, so that the history of a user is a sequence, and each answer
  can be checked against the states that are possible at that point (model.py, states.py). Knossos and Porcupine do that
  for histories that overlap, at a much greater cost.
- A write with an unknown outcome may take effect or not, once, at any moment from its start to its deadline and the
  time that a running transaction may still take. Until then it is pending: both states are possible. After that it is
  done or will never be (lateness.py).
- A write that was answered has had its effect, with that answer; one that was refused never has one.
- Two requests with one Idempotency-Key are one write.

What contradicts every possible state is a violation, and is named after the rule that would explain it: a lost write, a
doubled effect, a late effect, an effect of a refused write, a foreign task, a broken answer, an impossible value.

Recovery is read from the same history (recovery.py): from the moment at which a part is back to the first read, and
the first write, that began after it and succeeded, at each gateway. No request may fail while nothing happens but a
rolling restart.

outside.py does the same to a stack that somebody else runs. docs/reliability.md describes all of it.
"""
