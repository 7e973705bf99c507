"""One module a rule, named as the rule: ``python -m descent.steps.train --help``."""
