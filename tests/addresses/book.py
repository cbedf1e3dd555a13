"""Addresses that tests type."""

from typing import Any

from tests.house import Caller

URL = "/v1/addresses"
AT_HOME: dict[str, Any] = {
    "recipient": "王小明",
    "phone": "13800138000",
    "country": "CN",
    "province": "陕西",
    "city": "西安市",
    "county": "雁塔区",
    "street": "丈八东路 8 号 3 单元",
    "postal_code": "710061",
}
IN_DUBAI: dict[str, Any] = {
    "recipient": "Aisha Khan",
    "phone": "+971501234567",
    "country": "AE",
    "city": "Dubai",
    "street": "12 Palm Street, flat 4",
}


def added(shopper: Caller, address: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An address in the shopper's book, as its owner is shown it."""
    response = shopper.post(URL, json={**(address or AT_HOME), **changes})
    assert response.status_code == 201, response.json
    return shopper.get(response.headers["Location"]).json
