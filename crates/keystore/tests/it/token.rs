//! Keys in a PKCS#11 token, with SoftHSM as the token and OpenSSL and pkcs11-tool as second opinions.

mod life;
mod loss;
mod refusals;
mod softhsm;
