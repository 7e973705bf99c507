"""Which optimizer is best, each at the setting that its trials chose?"""
