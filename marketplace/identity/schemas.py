"""Shapes of identity in and out."""

import uuid
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from marketplace.access import PEOPLE
from marketplace.fields import Id, Instant, Line
from marketplace.identity.codes import DIGITS
from marketplace.identity.models import AccountStatus
from marketplace.identity.passwords import LENGTH_MAX, LENGTH_MIN
from marketplace.identity.scopes import SCOPES
from marketplace.language import LANGUAGES

MEMBERSHIPS_MAX: Final = 100
ROLES: Final = sorted(role.value for role in PEOPLE)


class Password(fields.String):
    """Any text of `low` to LENGTH_MAX characters, taken as it is."""

    def __init__(self, *, low: int = LENGTH_MIN, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(low, LENGTH_MAX), load_only=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value:
            raise ValidationError("Holds a character that is not allowed.")
        return value


class _Roles(fields.List[str]):
    """Different roles, at least one."""

    def __init__(self, **kwargs: Any) -> None:
        role = fields.String(validate=validate.OneOf(ROLES))
        super().__init__(role, validate=validate.Length(1, len(ROLES)), **kwargs)


class _CooperativeIds(fields.List[uuid.UUID]):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Id(), validate=validate.Length(0, MEMBERSHIPS_MAX), load_default=list, **kwargs)


class LogIn(Schema):
    login = Line(required=True, high=80)
    password = Password(required=True, low=1)


class AskForCode(Schema):
    phone = Line(required=True, high=32)


class LogInByPhone(Schema):
    phone = Line(required=True, high=32)
    code = fields.String(
        required=True,
        load_only=True,
        validate=[
            validate.Length(equal=DIGITS),
            validate.Regexp(f"^[0-9]{{{DIGITS}}}$", error=f"Must be {DIGITS} digits."),
        ],
    )


class CreateAccount(Schema):
    name = Line(required=True)
    roles = _Roles(required=True)
    login = Line(low=3, high=80, load_default=None)
    password = Password(load_default=None)
    phone = Line(high=32, load_default=None)
    cooperative_ids = _CooperativeIds()


class SetRoles(Schema):
    roles = _Roles(required=True)
    cooperative_ids = _CooperativeIds()


class ChangePassword(Schema):
    old_password = Password(required=True, low=1)
    new_password = Password(required=True)


class TellEmail(Schema):
    email = Line(required=True, low=3, high=254)


class ProveEmail(Schema):
    code = fields.String(
        required=True,
        load_only=True,
        validate=[
            validate.Length(equal=DIGITS),
            validate.Regexp(f"^[0-9]{{{DIGITS}}}$", error=f"Must be {DIGITS} digits."),
        ],
    )


class TellHousehold(Schema):
    address = Line(required=True)


class ChangeHousehold(Schema):
    address = Line(required=True, allow_none=True)


class CreateServiceKey(Schema):
    name = Line(required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(1, len(SCOPES)),
    )


class Account(Schema):
    id = fields.UUID()
    name = fields.String()
    login = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    status = fields.String(validate=validate.OneOf([status.value for status in AccountStatus]))
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)))
    cooperative_ids = fields.List(fields.UUID())
    email = fields.String(allow_none=True, metadata={"description": "Proved by a code that was sent there."})
    language = fields.String(
        allow_none=True,
        validate=validate.OneOf(LANGUAGES),
        metadata={"description": "In which the person is written to; null: in both."},
    )
    household_is_set = fields.Boolean()
    created_at = Instant()
    version = fields.Integer()


class OpenedSession(Schema):
    token = fields.String(metadata={"description": "Send it as `Authorization: Bearer`. Shown once."})
    expires_at = Instant()
    account = fields.Nested(Account)


class SentCode(Schema):
    expires_at = Instant()


class ServiceKey(Schema):
    id = fields.UUID()
    name = fields.String()
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)))
    created_by = fields.UUID(allow_none=True)
    created_at = Instant()
    revoked_at = Instant(allow_none=True)


class CreatedServiceKey(ServiceKey):
    key = fields.String(metadata={"description": "Send it as `Authorization: Bearer`. Shown once."})
