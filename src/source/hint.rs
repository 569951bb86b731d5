//! Hints: what helps where a store refused, or did not answer.

use crate::fault::Fault;

/// Returns what helps, by the code of the service or by why it did not answer.
pub(super) fn hint(code: Option<&str>, fault: Option<Fault>) -> Option<&'static str> {
    const CODES: [(&str, &str); 20] = [
        (
            "RequestTimeTooSkewed",
            "the clock of this machine is wrong: set it",
        ),
        (
            "InvalidAccessKeyId",
            "there is no such access key: it was deleted, disabled or is of another account",
        ),
        (
            "SignatureDoesNotMatch",
            "the secret does not belong to the access key, or was cut; check for a trailing line end",
        ),
        ("ExpiredToken", "the session token has expired: renew it"),
        (
            "TokenRefreshRequired",
            "the session token has expired: renew it",
        ),
        (
            "InvalidToken",
            "the session token is not valid: renew it, or take it away beside a lasting key",
        ),
        (
            "AuthorizationHeaderMalformed",
            "the bucket is in another region: set the option region",
        ),
        (
            "IllegalLocationConstraintException",
            "the bucket is in another region: set the option region",
        ),
        (
            "PermanentRedirect",
            "the bucket is in another region: set the option region",
        ),
        (
            "InvalidObjectState",
            "it is archived: restore it, or exclude it",
        ),
        (
            "BlobArchived",
            "it is archived: rehydrate it, or exclude it",
        ),
        (
            "AccountProblem",
            "the account has a problem that only its provider can tell",
        ),
        (
            "AllAccessDisabled",
            "all access to it was disabled by the provider",
        ),
        ("AccountIsDisabled", "the storage account is disabled"),
        (
            "KeyBasedAuthenticationNotPermitted",
            "keys are disabled for the storage account: use a workload identity or an application",
        ),
        (
            "AuthorizationFailure",
            "the storage account's network rules or the SAS do not let this machine in",
        ),
        (
            "AuthorizationPermissionMismatch",
            "give the identity the role Storage Blob Data Reader",
        ),
        (
            "AuthenticationFailed",
            "check the key or SAS and its end, and the clock of this machine",
        ),
        (
            "PublicAccessNotPermitted",
            "no credentials were sent, and the account takes no anonymous readers: set them",
        ),
        (
            "AccessDenied",
            "grant the right to list and to read; where the reader pays for requests, set the option request_payer = \"true\"",
        ),
    ];
    let by_code = CODES.iter().find(|(known, _)| Some(*known) == code);
    by_code
        .map(|(_, hint)| *hint)
        .or_else(|| fault.and_then(Fault::hint))
}
