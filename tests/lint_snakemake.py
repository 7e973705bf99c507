"""Run ``snakemake --lint`` and fail on what it finds, but for one lint that does not apply.

"Specify a conda environment or container for each rule": Descent has one environment for all of its
rules, pinned with hashes in requirements.lock, and `make` sets it up before Snakemake starts.
"""

import re
import subprocess
import sys

DOES_NOT_APPLY = "Specify a conda environment or container for each rule."

output = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True).stderr
if not re.search(r"^(Lints for|Congratulations)", output, re.MULTILINE):
    sys.exit(f"snakemake --lint did not run:\n{output}")
lints = [line for line in re.findall(r"^ +\* (.*?):?$", output, re.MULTILINE) if line != DOES_NOT_APPLY]
sys.exit(output if lints else 0)
