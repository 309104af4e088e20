"""Origins that look like an allowed one and are none."""

ALLOWED = "https://whale.example"

FOREIGN = [
    "https://evil.example",
    "null",
    "",
    "http://whale.example",
    "https://whale.example:8443",
    "https://whale.example.evil.example",
    "https://evil-whale.example",
    "https://evilwhale.example",
    "https://sub.whale.example",
    "https://whale.example@evil.example",
    "https://user@whale.example",
    "https://WHALE.example.",
    "https://whale.example.",
    "https://whale%2eexample",
    "https://xn--whle-6na.example",
    "whale.example",
    "//whale.example",
    "https://whale.example/",
    "https://whale.example#",
    "https://whale.example,https://evil.example",
    "https://whale.example https://evil.example",
    "file://whale.example",
    "chrome-extension://whale.example",
    "http://127.0.0.1",
    "http://localhost",
    "http://[::1]",
]
