"""How hypothesis runs: no deadline, since no test asserts a duration; twice the examples where CI is "true".

`make coverage` asks which lines are met, not whether they are right, and takes few examples, the same ones each time.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=120, print_blob=True)
settings.register_profile("lines", settings.get_profile("dev"), max_examples=6, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")
