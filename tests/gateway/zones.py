"""Time zones to test with, and moments near which their clocks are put forward or back."""

from typing import Final

from hypothesis import strategies as st

NAMES: Final = (
    "Asia/Tokyo",
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",  # at midnight, forward, and to midnight, back
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",  # left out a day
    "Antarctica/Troll",  # two hours
)
ZONES: Final = st.sampled_from(NAMES)

TURNS: Final = (
    1_143_961_200,  # 2006-04-02 07:00Z, New York forward
    1_162_101_600,  # 2006-10-29 06:00Z, New York back
    1_301_187_600,  # 2011-03-27 01:00Z, London forward
    1_319_936_400,  # 2011-10-30 01:00Z, London back
    1_325_239_200,  # 2011-12-30 10:00Z, Samoa left out a day
    1_331_449_200,  # 2012-03-11 07:00Z
    1_616_882_400,  # 2021-03-27 22:00Z, Beirut forward at midnight
    1_635_627_600,  # 2021-10-30 21:00Z, Beirut back at midnight
    1_615_698_000,  # 2021-03-14 05:00Z, Havana forward at midnight
    1_636_261_200,  # 2021-11-07 05:00Z, Havana back
    1_633_188_600,  # 2021-10-02 15:30Z, Lord Howe forward
    1_617_462_000,  # 2021-04-03 15:00Z, Lord Howe back
    1_800_000_000,
)
MOMENTS: Final = st.builds(int.__add__, st.sampled_from(TURNS), st.integers(-100_000, 100_000)) | st.integers(
    1_100_000_000, 2_100_000_000
)
