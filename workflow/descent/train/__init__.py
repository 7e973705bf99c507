"""The lab: a network, its loss, the loop that trains it, and what the loop needs."""
