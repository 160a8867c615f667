"""Numbers in few characters."""

from lapinq.commands.top.quantities import count, duration, memory, rate, share


def test_numbers_have_few_characters() -> None:
    for shown, texts in (
        (count, {None: "?", 0: "0", 9999: "9999", 12_345: "12.3k", 999_600: "1M", 1_234_567: "1.23M"}),
        (rate, {None: "?", 0.0: "0", 0.001: "0.001", 0.017: "0.017", 0.42: "0.42", 1.0: "1"}),
        (rate, {12.34: "12.3", 999.7: "1k", 1234.0: "1.23k", 54_321.0: "54.3k"}),
        (duration, {None: "", 0.0: "0ms", 0.0004: "0.4ms", 0.0042: "4.2ms", 0.81: "810ms", 0.9999: "1s"}),
        (duration, {1.9: "1.9s", 59.98: "1m00s", 75.2: "1m15s", 3700.0: "1h01m", 100_000.0: "1d03h"}),
        (memory, {None: "", 183_500_800: "175MiB", 3 * 2**30: "3.0GiB"}),
        (share, {None: "", 0.0: "0%", 0.0176: "1.8%", 0.5: "50%", 1.0: "100%"}),
    ):
        assert {number: shown(number) for number in texts} == texts  # pyright: ignore[reportArgumentType]
