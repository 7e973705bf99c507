"""Is an update rule right, and if not, what is wrong with it?"""
