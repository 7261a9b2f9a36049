"""`make faults CLUSTER=1`: the campaign on docker-compose.yml with deploy/compose/cluster.yml.

A campaign breaks a world (faults/campaign.py): its faults, how each is done, and how one sees that all is well again.
The stack of processes is one, and this is the other; load, history and checker are the same.
"""
