"""What hostile requests are made of, by what it is: paths, texts, numbers, dates, bodies, values of fields, headers."""

from urllib.parse import quote

DEEP = 5000

# What no path means. Where it is well-formed all the same, there is nothing of this name.
SEGMENTS = {
    "nul": "%00",
    "bad utf-8": "%ff%fe",
    "half a surrogate": "%ed%a0%80",
    "very long": "x" * 5000,
    "digits without end": "9" * 5000,
    "a negative number": "-1",
    "ten to the twelfth": "1" + "0" * 12,
    "two to the seventieth": str(2**70),
    "a fraction": "1.5",
    "other digits": "%D9%A3",
    "a path upwards": "..%2F..%2Fetc%2Fpasswd",
    "an injection": quote("' OR '1'='1"),
    "another injection": quote("1; DROP TABLE lapinq_tasks; --"),
    "a new line": "%0D%0AX-Evil:%201",
    "markup": quote("<svg onload=alert(1)>"),
    "a template": quote("{{7*7}}${7*7}%s%n"),
    "right to left": quote("\u202eabc"),
    "spaces": "%20%20",
}
CONTROLLED = {"nul", "a new line"}
"""Those with a control character, at which nothing lies."""

# What is no text of a filter, and what is one that nothing matches: wildcards and quotes stand for themselves.
STRINGS = {
    "an injection": "'; DELETE FROM lapinq_tasks; --",
    "another injection": "' OR 1=1 --",
    "a double quote": '" OR ""="',
    "a percent sign": "%%%",
    "underscores": "_____________________",
    "a backslash": "\\",
    "a backslash and a wildcard": "\\%",
    "a placeholder": "%s %(a)s {} $1",
    "markup": "<img src=x onerror=alert(1)>",
    "an emoji": "\U0001f407\u200d\U0001f407",
    "right to left": "\u202eabc",
    "very long": "x" * 5000,
}

BY_TYPE = {
    "integer": ["-1" + "0" * 30, "1" + "0" * 30, "1e3", "0x10", "NaN", "", "%201", "1_0", "%D9%A3", "9" * 5000,
                "1;DROP%20TABLE%20x", "%00", "1.0", "null", "true", "--1"],
    "number": ["-1", "1e400", "NaN", "inf", "-Infinity", "", "abc", "1" + "0" * 12, "0x10", "1_0", "%00",
               "9" * 5000],
    "boolean": ["1", "0", "yes", "TRUE", "True", "", "null", "%00", "truetrue", "on"],
    "enum": ["nothing", "", "%00", "PENDING", "pending%20", "pending,failed", "'", "%25"],
    "date-time": ["yesterday", "2031-02-30T00:00:00Z", "2031-13-01T00:00:00Z", "2031-01-01T25:00:00Z",
                  "2031-01-01T00:00:00%2B99:99", "", "0", "1e400", "%00", "infinity", "now", "-infinity", "epoch",
                  "99999-01-01T00:00:00Z", "2031-01-01T00:00:00.1234567890123Z%20x"],
    "string": ["%00", "a%00b", ""],
}  # fmt: skip

# Bodies that no operation accepts.
MALFORMED = {
    "an open brace": b"{",
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a":1,}',
    "something behind": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"a":"b"}'.encode("utf-16"),
    "utf-32": '{"a":"b"}'.encode("utf-32"),
    "bad utf-8": b'{"a":"\xff"}',
    "bad utf-8 in a key": b'{"\xff":1}',
    "an overlong encoding": b'{"a":"\xc0\x80"}',
    "half a surrogate in utf-8": b'{"a":"\xed\xa0\x80"}',
    "half a surrogate": b'{"a":"\\ud800"}',
    "half a surrogate in a key": b'{"\\ud800":1}',
    "surrogates the wrong way round": b'{"a":"\\udc00\\ud800"}',
    "nul in a string": b'{"a":"\x00"}',
    "nul behind": b"{}\x00",
    "a bad escape": b'{"a":"\\x"}',
    "no number": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "a leading zero": b'{"a":01}',
    "a number beyond all": b'{"a":1e400}',
    "digits without end": b'{"a":' + b"9" * 10_000 + b"}",
    "a comment": b'{/* */"a":1}',
    "null": b"null",
    "true": b"true",
    "a number": b"12",
    "a string": b'"text"',
    "a list of lists": b"[[]]",
    "a list of nothing": b"[null]",
    "an unknown field": b'{"no such field":1}',
    "an empty name": b'{"":1}',
    "the prototype": b'{"__proto__":{"a":1},"constructor":1}',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep lists without end": b"[" * 100_000,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a deep unknown field": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a million commas": b"[" + b"," * 1_000_000 + b"]",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a form": b"a=1&b=2",
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
}

TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp",
         "application/json; charset=utf-16", "application/xml", "", "/", "application/json\xff"]  # fmt: skip

CODINGS = ["gzip", "br", "identity, gzip", "\xff"]

# In place of a field's value, as it stands in the JSON.
VALUES = {
    "an object": b'{"a":1}',
    "a list of lists": b"[[[]]]",
    "a fraction": b"1.5",
    "minus nothing": b"-0.0",
    "a tiny number": b"1E-400",
    "true": b"true",
    "a number": b"7",
    "a negative number": b"-1",
    "ten to the twelfth": b"1000000000000",
    "two to the seventieth": str(2**70).encode(),
    "a number beyond all": b"1e400",
    "digits without end": b"9" * 10_000,
    "no number": b"NaN",
    "an empty string": b'""',
    "spaces": b'"   "',
    "nul": b'"a\\u0000b"',
    "nul inside": b'["\\u0000"]',
    "nul in a key": b'{"\\u0000":1}',
    "half a surrogate": b'"\\ud800"',
    "half a surrogate in a key": b'{"\\udfff":1}',
    "right to left": b'"\\u202eabc"',
    "a new line": b'"a\\r\\nX-Evil: 1"',
    "an injection": b'"\'; DROP TABLE lapinq_tasks; --"',
    "a very long string": b'"' + b"x" * 70_000 + b'"',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deeper than allowed": b"[" * 120 + b"]" * 120,
    "a bad date": b'"2031-02-30T00:00:00Z"',
    "a far date": b'"9999-12-31T23:59:59-23:59"',
    "another scheme": b'"file:///etc/passwd"',
}

HEADERS: dict[str, tuple[str, bytes]] = {
    "a cookie of junk": ("Cookie", b"\xff;=;;lapinq_session;lapinq_session=; a=\"\\\"; =x; lapinq_session=\xff"),
    "a thousand cookies": ("Cookie", b"; ".join(b"c%d=%d" % (n, n) for n in range(1000))),
    "a session that is long": ("Cookie", b"lapinq_session=" + b"x" * 30_000),
    "a session with quotes": ("Cookie", b"lapinq_session=\"' OR 1=1 --\""),
    "a key that is not ascii": ("X-API-Key", b"\xff\xfe"),
    "a key that is long": ("X-API-Key", b"lapinq_" + b"x" * 30_000),
    "a key that looks like one": ("X-API-Key", b"lapinq_" + b"A" * 43),
    "a request id that is long": ("X-Request-ID", b"x" * 10_000),
    "a request id that is not ascii": ("X-Request-ID", b"\xff\xe2\x80\xae"),
    "a request id of markup": ("X-Request-ID", b"<script>"),
    "an accept of junk": ("Accept", b"\xff,;q=,,*/*;q=9999999999;;text/html;q=-1"),
    "a host of junk": ("Host", b"\xff<>\"'/@:"),
    "an origin of junk": ("Origin", b"\xff://"),
    "a range": ("Range", b"bytes=0-0,1-1,-1,9999999999999-"),
    "another method": ("X-HTTP-Method-Override", b"DELETE"),
    "a forwarded address": ("X-Forwarded-For", b"127.0.0.1, \xff, ::1"),
    "a precondition": ("If-None-Match", b"*"),
    "a language": ("Accept-Language", b"x" * 10_000),
}  # fmt: skip

# For a header that an operation reads, of text or of a number.
WRONG_HEADERS = [b"", b"\xff", b"x" * 10_000, b"a\tb"]
WRONG_NUMBERS = [b"", b"\xff", b"-1", b"1.0", b"1_0", b"9" * 30, b"9" * 5000, b"0x1", b"\xd9\xa3", b"1;2"]
