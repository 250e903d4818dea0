# SecurityEventNotification and LogStatusNotification of OCPP 2.x.
# MIT license; part of microevse
"""The station's security log in the words of 2.x (block A; N01). Loaded for one message."""

from evse_base import before_import, const, release
from ocppj import security_messages

# Types of part 2 appendix 1 that have other names than in the whitepaper of 1.6.
TYPES = const("""
refused_by_central FailedToAuthenticateAtCsms
central_not_known CsmsFailedToAuthenticate
central_certificate InvalidCsmsCertificate
own_certificate InvalidChargingStationCertificate
""")


async def tell(point):
    """Send one message: a word about a log, or the oldest event. See station.security_news."""
    release("ocppj.security_messages")
    await before_import()
    from station import security_news

    release("station.security_news")
    await security_news.tell(point, security_messages, TYPES)
