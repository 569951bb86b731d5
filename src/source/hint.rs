//! Hints: what helps where a store refused, or did not answer.

use crate::fault::Fault;

/// Returns what helps, by the code of the service or by why it did not answer.
pub(super) fn hint(code: Option<&str>, fault: Option<Fault>) -> Option<&'static str> {
    const CODES: [(&str, &str); 33] = [
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
            "InvalidAuthenticationInfo",
            "the token or the header of it is not valid: check its end, and the clock of this machine",
        ),
        (
            "ExpiredAuthenticationToken",
            "the token has expired: renew it",
        ),
        (
            "KMS.DisabledException",
            "the KMS key that it is encrypted with is disabled: enable it",
        ),
        (
            "KMS.KMSInvalidStateException",
            "the KMS key that it is encrypted with is in a state in which it cannot be used",
        ),
        (
            "KMS.NotFoundException",
            "the KMS key that it is encrypted with is not there",
        ),
        (
            "KeyVaultEncryptionKeyNotFound",
            "the key of the key vault that the account is encrypted with is not there, or the account may not use it",
        ),
        (
            "AADSTS7000215",
            "the secret of the application is wrong: give its value, not its id",
        ),
        (
            "AADSTS7000222",
            "the secret of the application has expired: make a new one",
        ),
        (
            "AADSTS700016",
            "the tenant has no such application: check client_id and tenant_id",
        ),
        ("AADSTS90002", "there is no such tenant: check tenant_id"),
        (
            "AADSTS70021",
            "no federated credential of the application fits the token: check its issuer, subject and audience",
        ),
        (
            "AADSTS700213",
            "no federated credential of the application fits the token: check its issuer, subject and audience",
        ),
        (
            "AADSTS700024",
            "the token's time is over or has not come: check the clock of this machine",
        ),
        (
            "AccessDenied",
            "grant the right to list and to read (and kms:Decrypt where a KMS key encrypts it); where the reader pays for requests, set the option request_payer = \"true\"",
        ),
    ];
    let by_code = CODES.iter().find(|(known, _)| Some(*known) == code);
    by_code
        .map(|(_, hint)| *hint)
        .or_else(|| fault.and_then(Fault::hint))
}
