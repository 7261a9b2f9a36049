"""The command lane alone: the test plays the link and everything behind it."""
