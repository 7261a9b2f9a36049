"""Takes batches off the bus: process, acknowledge, answer; what cannot be carried out becomes a dead letter."""
