//! Records without body logging hold only a part of the message. Somebody else may have the whole one.

use message::rest::RestMessage;
use signature::container::AsicContainer;

/// Puts the whole message in the place of the part that is kept without body logging.
pub(super) fn complete(container: &mut AsicContainer, whole: Vec<u8>) -> Result<(), String> {
    let part = RestMessage::parse(&whole).map(|message| message.filtered());
    match part {
        Ok(part) if part == container.message || whole == container.message => {
            container.message = whole;
            Ok(())
        }
        Ok(_) => Err("the container is of another message than the one given with --message".to_owned()),
        Err(why) => Err(format!("what was given with --message is no REST message: {why}")),
    }
}

/// What a person should know of a signature that does not hold for this message.
pub(super) fn hint(container: &AsicContainer) -> &'static str {
    let reduced =
        RestMessage::parse(&container.message).is_ok_and(|message| message.filtered() == container.message);
    if reduced {
        "; the container may hold only the part of the message that is kept without body logging: the signature is \
         over the whole one, which can be given with --message"
    } else {
        ""
    }
}
