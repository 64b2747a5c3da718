"""How hypothesis runs: no deadline, since no test asserts a duration; twice the examples where CI is "true"."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=120, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")
