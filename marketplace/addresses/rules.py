"""What makes an address that a box can be sent to, country by country, and its one form. Pure.

Details of a refusal never repeat what was typed: they end up in answers and in what clients log.
"""

import re
from dataclasses import asdict, dataclass
from typing import Final

import phonenumbers

from marketplace import errors
from marketplace.language import Text

CHINA: Final = "CN"
COUNTRIES: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Where somebody has a telephone, by ISO 3166."""

PROVINCES: Final[dict[str, tuple[str, ...]]] = {
    "11": ("北京市", "北京", "Beijing"),
    "12": ("天津市", "天津", "Tianjin"),
    "13": ("河北省", "河北", "Hebei"),
    "14": ("山西省", "山西", "Shanxi"),
    "15": ("内蒙古自治区", "内蒙古", "Inner Mongolia"),
    "21": ("辽宁省", "辽宁", "Liaoning"),
    "22": ("吉林省", "吉林", "Jilin"),
    "23": ("黑龙江省", "黑龙江", "Heilongjiang"),
    "31": ("上海市", "上海", "Shanghai"),
    "32": ("江苏省", "江苏", "Jiangsu"),
    "33": ("浙江省", "浙江", "Zhejiang"),
    "34": ("安徽省", "安徽", "Anhui"),
    "35": ("福建省", "福建", "Fujian"),
    "36": ("江西省", "江西", "Jiangxi"),
    "37": ("山东省", "山东", "Shandong"),
    "41": ("河南省", "河南", "Henan"),
    "42": ("湖北省", "湖北", "Hubei"),
    "43": ("湖南省", "湖南", "Hunan"),
    "44": ("广东省", "广东", "Guangdong"),
    "45": ("广西壮族自治区", "广西", "Guangxi"),
    "46": ("海南省", "海南", "Hainan"),
    "50": ("重庆市", "重庆", "Chongqing"),
    "51": ("四川省", "四川", "Sichuan"),
    "52": ("贵州省", "贵州", "Guizhou"),
    "53": ("云南省", "云南", "Yunnan"),
    "54": ("西藏自治区", "西藏", "Tibet", "Xizang"),
    "61": ("陕西省", "陕西", "Shaanxi"),
    "62": ("甘肃省", "甘肃", "Gansu"),
    "63": ("青海省", "青海", "Qinghai"),
    "64": ("宁夏回族自治区", "宁夏", "Ningxia"),
    "65": ("新疆维吾尔自治区", "新疆", "Xinjiang"),
}
"""GB/T 2260: the first two digits of a division's code, its name, and what people call it."""

_PROVINCE_CODES: Final = {
    name.casefold(): code for code, names in PROVINCES.items() for name in (code, f"{code}0000", *names)
}
_DIVISION_CODE: Final = re.compile(r"[1-9][0-9]{5}")
_POSTAL_CODES: Final = {
    CHINA: re.compile(r"(?!000000)[0-9]{6}"),
    "DE": re.compile(r"[0-9]{5}"),
    "FR": re.compile(r"[0-9]{5}"),
    "GB": re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}"),
    "IN": re.compile(r"[1-9][0-9]{5}"),
    "JP": re.compile(r"[0-9]{3}-[0-9]{4}"),
    "KR": re.compile(r"[0-9]{5}"),
    "SG": re.compile(r"[0-9]{6}"),
    "US": re.compile(r"[0-9]{5}(?:-[0-9]{4})?"),
}
"""Countries in which every address has a postal code, and its form."""
_POSTAL_CODE: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,10}[A-Z0-9])?")
"""Anywhere else, if there is one."""


class AddressNotValid(errors.Invalid):
    """Nobody could deliver there: `errors` names the members that are wrong for the country, without repeating them."""

    title = Text(en="This address cannot be delivered to.", zh="该地址无法配送，请检查。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Who gets a box, and where. None, or empty before it is checked: there is none."""

    recipient: str
    phone: str
    country: str
    province: str | None
    city: str
    county: str | None
    street: str
    postal_code: str | None

    def facts(self) -> dict[str, str | None]:
        return asdict(self)


def checked(address: Address) -> Address:
    """The address in its one form: E.164, upper-case codes, provinces of China by their full names.

    Raises AddressNotValid with everything that is wrong.
    """
    country = address.country.upper()
    wrong: dict[str, str] = {}
    if country not in COUNTRIES:
        raise _refusal({"country": "Is not a country's code of two letters. 国家代码有误。"})
    phone = _phone(address.phone, country)
    if phone is None:
        wrong["phone"] = "Is not a telephone number. 电话号码有误。"
    postal_code = " ".join((address.postal_code or "").upper().split())
    if not _is_postal_code(postal_code, country):
        wrong["postal_code"] = "Is not a postal code of this country. 邮政编码有误。"
    province = _province(address, wrong) if country == CHINA else address.province
    if not address.city:
        wrong["city"] = "Is missing. 请填写城市。"
    if wrong:
        raise _refusal(wrong)
    return Address(
        recipient=address.recipient,
        phone=phone or "",
        country=country,
        province=province or None,
        city=address.city,
        county=address.county or None,
        street=address.street,
        postal_code=postal_code or None,
    )


def _refusal(wrong: dict[str, str]) -> AddressNotValid:
    return AddressNotValid(
        errors=[{"pointer": f"/{name}", "detail": detail} for name, detail in wrong.items()]
    )


def _phone(raw: str, country: str) -> str | None:
    """In E.164; fixed lines are good enough for who delivers."""
    try:
        number = phonenumbers.parse(raw, country)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_postal_code(postal_code: str, country: str) -> bool:
    form = _POSTAL_CODES.get(country)
    if form is not None:
        return form.fullmatch(postal_code) is not None
    return not postal_code or _POSTAL_CODE.fullmatch(postal_code) is not None


def _province(address: Address, wrong: dict[str, str]) -> str:
    """Its full name. City and county: names, or codes of six digits that lie in the province, and one in the other."""
    code = _PROVINCE_CODES.get((address.province or "").casefold())
    if code is None:
        wrong["province"] = "Is not a province of China, by name or code. 省级行政区有误。"
        return ""
    if not address.county:
        wrong["county"] = "Is missing. 请填写区县。"
    around = code
    for name, division in (("city", address.city), ("county", address.county)):
        if division and division.isdecimal():
            is_city = division.endswith("00") and not division.endswith("0000")
            if (
                not _DIVISION_CODE.fullmatch(division)
                or not division.startswith(around)
                or is_city != (name == "city")
            ):
                wrong[name] = "Is not the code of a division there. 行政区划代码有误。"
            elif name == "city":
                around = division[:4]
    return PROVINCES[code][0]
