"""Result codes with their status (antom-api.md §3.5, §4 to §7)."""

from typing import Any

Body = dict[str, Any]

#: code: (status, message). The wording varies in Antom's own answers: never parsed.
CODES: dict[str, tuple[str, str]] = {
    "SUCCESS": ("S", "success"),
    "ACCESS_DENIED": ("F", "access is denied"),
    "CANCEL_WINDOW_EXCEED": ("F", "the cancel date has exceeded the cancel window"),
    "CLIENT_INVALID": ("F", "the client is invalid"),
    "CURRENCY_NOT_SUPPORT": ("F", "the currency is not supported"),
    "EXPIRED_CODE": ("F", "the payment code has expired"),
    "INVALID_API": ("F", "the API is invalid or not active"),
    "INVALID_CONTRACT": ("F", "there is no valid contract"),
    "INVALID_MERCHANT_STATUS": ("F", "the status of the merchant is abnormal"),
    "INVALID_PAYMENT_CODE": ("F", "the payment code is invalid"),
    "INVALID_SIGNATURE": ("F", "the signature is invalid"),
    "KEY_NOT_FOUND": ("F", "the key is not found"),
    "MEDIA_TYPE_NOT_ACCEPTABLE": ("F", "the media type is not acceptable"),
    "MERCHANT_BALANCE_NOT_ENOUGH": ("F", "the balance of the merchant is not enough"),
    "MERCHANT_KYB_NOT_QUALIFIED": ("F", "the merchant is limited"),
    "MERCHANT_NOT_REGISTERED": ("F", "the merchant is not registered"),
    "METHOD_NOT_SUPPORTED": ("F", "the method is not supported"),
    "MULTIPLE_REFUNDS_NOT_SUPPORTED": ("F", "several refunds are not supported"),
    "NO_INTERFACE_DEF": ("F", "the API is not defined"),
    "NO_PAY_OPTIONS": ("F", "there is no payment option"),
    "ORDER_IS_CANCELED": ("F", "the order is canceled"),
    "ORDER_IS_CLOSED": ("F", "the order is closed"),
    "ORDER_NOT_EXIST": ("F", "the order does not exist"),
    "ORDER_STATUS_INVALID": ("F", "the order status is invalid"),
    "PARAM_ILLEGAL": ("F", "a parameter is illegal"),
    "PAYMENT_AMOUNT_EXCEED_LIMIT": ("F", "the amount exceeds the limit"),
    "PAYMENT_COUNT_EXCEED_LIMIT": ("F", "the number of payments exceeds the limit"),
    "PAYMENT_NOT_QUALIFIED": ("F", "the merchant is not qualified"),
    "PROCESS_FAIL": ("F", "a general business failure occurred"),
    "REFUND_AMOUNT_EXCEED": ("F", "the refund exceeds the payment"),
    "REFUND_WINDOW_EXCEED": ("F", "the refund window is exceeded"),
    "REPEAT_REQ_INCONSISTENT": ("F", "the repeated requests are inconsistent"),
    "RISK_REJECT": ("F", "rejected by risk control"),
    "SYSTEM_ERROR": ("F", "a system error occurred"),
    "USER_AMOUNT_EXCEED_LIMIT": ("F", "the amount exceeds the user's limit"),
    "USER_BALANCE_NOT_ENOUGH": ("F", "the user balance is not enough"),
    "USER_KYC_NOT_QUALIFIED": ("F", "the user is not qualified"),
    "USER_NOT_EXIST": ("F", "the user does not exist"),
    "USER_PAYMENT_VERIFICATION_FAILED": ("F", "the user failed the verification"),
    "USER_STATUS_ABNORMAL": ("F", "the status of the user is abnormal"),
    "PAYMENT_IN_PROCESS": ("U", "the payment is in process"),
    "REFUND_IN_PROCESS": ("U", "the refund is in process"),
    "REQUEST_TRAFFIC_EXCEED_LIMIT": ("U", "the request traffic exceeds the limit"),
    "UNKNOWN_EXCEPTION": ("U", "an unknown exception occurred"),
}


class Refused(Exception):
    """A call that is answered with this code and changes nothing."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def result(code: str, message: str = "", status: str = "") -> Body:
    """The ``result`` object; ``status`` only where a fault lies about it."""
    usual_status, usual_message = CODES.get(code, ("F", code))
    return {
        "resultStatus": status or usual_status,
        "resultCode": code,
        "resultMessage": message or usual_message,
    }


def only(code: str, message: str = "", status: str = "") -> Body:
    """An answer that holds nothing but its result."""
    return {"result": result(code, message, status)}
