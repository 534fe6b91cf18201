"""What can be wrong with a vault, each as one sentence that says what to do."""

from __future__ import annotations

from sentra.failures import Failure


class VaultFailure(Failure):
    """The family. Whichever it is, the file is as it was before."""

    code = "vault"


class VaultMissing(VaultFailure):
    """There is no vault in the folder."""

    code = "vault-missing"
    sentence = (
        "There is no vault in %(folder)s. Enrol this device with a code from the back office: "
        "sentra enrol."
    )


class VaultExists(VaultFailure):
    """A vault is already there; making another would hide it."""

    code = "vault-exists"
    sentence = (
        "There is a vault in %(folder)s already. Use another folder, or set the old one aside with "
        "sentra enrol --set-aside; never delete it while it may hold sales that were not sent."
    )


class VaultKeyMissing(VaultFailure):
    """The file is there and its key is not."""

    code = "vault-key-missing"
    sentence = (
        "The key of the vault in %(folder)s was not found (looked in %(place)s). Sign in as the "
        "user who enrolled this device and unlock its keyring, or put vault.key back from the "
        "backup. The vault was not touched."
    )
    retry = True


class VaultKeyWrong(VaultFailure):
    """There is a key, and it is not this file's."""

    code = "vault-key-wrong"
    sentence = (
        "The key found in %(place)s does not open the vault in %(folder)s: they do not belong "
        "together. Put the key and the vault of one device together again; the vault was not "
        "touched."
    )


class VaultDamaged(VaultFailure):
    """The key is right and the content is not."""

    code = "vault-damaged"
    sentence = (
        "The vault in %(folder)s is damaged (%(detail)s). Do not delete it. Ask the back office "
        "for a code and enrol this device anew with sentra enrol --set-aside: the damaged vault "
        "is moved aside and kept, and prices and people come back by themselves."
    )


class VaultNewer(VaultFailure):
    """A later version of the program wrote it."""

    code = "vault-newer"
    sentence = (
        "The vault in %(folder)s was written by a newer version of Sentra (%(found)s, this one "
        "knows %(known)s). Install that version again; the vault was not touched."
    )


class VaultBusy(VaultFailure):
    """Another process kept it locked for longer than `BUSY_TIMEOUT_MS`."""

    code = "vault-busy"
    sentence = (
        "The vault in %(folder)s is in use by another program for too long. Try again; if it "
        "stays so, restart this device."
    )
    retry = True


class VaultFull(VaultFailure):
    """The disk is full, or so nearly that a sale must not be started."""

    code = "vault-full"
    sentence = (
        "The disk is full: %(free_mib)s MiB are left for %(folder)s, %(needed_mib)s MiB are "
        "needed. Free some space and try again; everything that was sold is safe."
    )
    retry = True


class VaultUnwritable(VaultFailure):
    """The operating system refused to read or write."""

    code = "vault-unwritable"
    sentence = (
        "The vault in %(folder)s cannot be read or written (%(detail)s). Check the disk and the "
        "permissions of the folder."
    )
    retry = True


class CipherMissing(VaultFailure):
    """The database library was built without encryption: nothing is ever written in the clear."""

    code = "vault-cipher-missing"
    sentence = (
        "This installation cannot encrypt its database (SQLCipher is missing). Install Sentra "
        "again; nothing was written."
    )


class AlreadyRunning(VaultFailure):
    """Two programs of one kind on one folder."""

    code = "already-running"
    sentence = (
        "Another %(program)s is already running on %(folder)s. Use that one, or close it first: "
        "two on one database would sell under one name."
    )


class FactTooLarge(VaultFailure):
    """A fact above the journal's limit; a till's own limits make it impossible."""

    code = "fact-too-large"
    sentence = "This transaction is too large to be kept (%(size_bytes)s bytes). Split it in two."


class CatalogueEmpty(VaultFailure):
    """The first feed has not arrived yet."""

    code = "catalogue-empty"
    sentence = (
        "This till has not received its catalogue yet (%(kind)s). It comes by itself once the "
        "branch router or the internet answers."
    )
    retry = True


class RevisionOutOfOrder(VaultFailure):
    """A feed revision that does not follow the one applied last."""

    code = "revision-out-of-order"
    sentence = "Revision %(revision)s of %(scope)s does not follow revision %(cursor)s."
    retry = True
