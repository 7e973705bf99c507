"""The code in docs/ runs as it is printed."""

import os
import re
import subprocess
import sys

from checkouts import PACKAGE_PATH, REPOSITORY


def test_the_script_of_docs_python_trains_a_rule_of_its_own_and_plots_its_curve(tmp_path, real_mnist):
    (script,) = re.findall(
        r"^```python\n(.*?)^```", (REPOSITORY / "docs/python.md").read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/mnist.safetensors").symlink_to(real_mnist)
    environment = os.environ | {"PYTHONPATH": PACKAGE_PATH, "MPLBACKEND": "agg"}
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (accuracy,) = re.findall(r"test accuracy: (\d+\.\d\d)%", run.stdout)
    assert float(accuracy) > 95
    assert (tmp_path / "signum.png").read_bytes().startswith(b"\x89PNG")
