"""The headers that every answer carries for the safety of those who read it.

They are those that OWASP asks of an API that answers in JSON. Its
`Strict-Transport-Security` is for what ends TLS, the proxy in front; over plain HTTP
browsers ignore it.

References
----------
OWASP Cheat Sheet Series, "REST Security Cheat Sheet", section "Security Headers".
"""

__all__ = ["SECURITY_HEADERS"]

SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    # Predictions are about somebody: no cache on the way keeps them.
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
