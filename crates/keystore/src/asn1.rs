//! A small strict reader over `der`: one element after the other, tags checked, values as slices of the input.
//!
//! DER only, so definite lengths only. Nothing here recurses: the depth is the depth of the calling code.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// What did not read, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl From<der::Error> for Fault {
    fn from(error: der::Error) -> Self {
        Self(error.to_string())
    }
}

fn fault<T>(why: &str) -> Result<T, Fault> {
    Err(Fault(why.to_owned()))
}

/// The elements inside a constructed value, in order.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    reader: SliceReader<'a>,
}

impl<'a> Fields<'a> {
    /// The elements that stand side by side in `bytes`.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self { reader: SliceReader::new(bytes)? })
    }

    /// The elements inside the one SEQUENCE that is the whole of `bytes`.
    pub(crate) fn of_sequence(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut outer = Self::of(bytes)?;
        let inner = outer.sequence()?;
        outer.end()?;
        Ok(inner)
    }

    /// Whether there is no further element.
    pub(crate) fn is_empty(&self) -> bool {
        self.reader.is_finished()
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<Tag> {
        if self.is_empty() { None } else { self.reader.peek_tag().ok() }
    }

    /// The next element.
    pub(crate) fn element(&mut self) -> Result<AnyRef<'a>, Fault> {
        Ok(AnyRef::decode(&mut self.reader)?)
    }

    fn tagged(&mut self, tag: Tag) -> Result<&'a [u8], Fault> {
        let element = self.element()?;
        if element.tag() != tag {
            return fault(&format!("expected {tag}, found {}", element.tag()));
        }
        Ok(element.value())
    }

    /// The inside of the SEQUENCE that comes next.
    pub(crate) fn sequence(&mut self) -> Result<Self, Fault> {
        Self::of(self.tagged(Tag::Sequence)?)
    }

    /// The inside of the SET that comes next. Its order is not looked at: Java writes attributes unsorted.
    pub(crate) fn set(&mut self) -> Result<Self, Fault> {
        Self::of(self.tagged(Tag::Set)?)
    }

    /// The OCTET STRING that comes next.
    pub(crate) fn octets(&mut self) -> Result<&'a [u8], Fault> {
        self.tagged(Tag::OctetString)
    }

    /// The INTEGER that comes next, as its bytes: big-endian, two's complement.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Fault> {
        self.tagged(Tag::Integer)
    }

    /// The INTEGER that comes next, when it is neither negative nor greater than 64 bits hold.
    pub(crate) fn number(&mut self) -> Result<u64, Fault> {
        let bytes = self.integer()?;
        let unsigned = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
        if bytes.is_empty() || negative || unsigned.len() > 8 {
            return fault("a number is out of bounds");
        }
        Ok(unsigned.iter().fold(0_u64, |sum, b| (sum << 8) | u64::from(*b)))
    }

    /// The OBJECT IDENTIFIER that comes next.
    pub(crate) fn oid(&mut self) -> Result<ObjectIdentifier, Fault> {
        Ok(ObjectIdentifier::from_bytes(self.tagged(Tag::ObjectIdentifier)?).map_err(der::Error::from)?)
    }

    /// The value of the `[number]` that comes next, constructed or not.
    pub(crate) fn context(&mut self, number: u8) -> Result<&'a [u8], Fault> {
        let element = self.element()?;
        let tag = element.tag();
        if !tag.is_context_specific() || tag.number() != TagNumber::new(number) {
            return fault(&format!("expected [{number}], found {tag}"));
        }
        Ok(element.value())
    }

    /// Refuses anything that is left over.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { fault("more follows than belongs there") }
    }
}

/// An AlgorithmIdentifier.
#[derive(Clone, Copy)]
pub(crate) struct Algorithm<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) parameters: Option<AnyRef<'a>>,
}

impl<'a> Fields<'a> {
    /// The AlgorithmIdentifier that comes next.
    pub(crate) fn algorithm(&mut self) -> Result<Algorithm<'a>, Fault> {
        let mut fields = self.sequence()?;
        let oid = fields.oid()?;
        let parameters = if fields.is_empty() { None } else { Some(fields.element()?) };
        fields.end()?;
        Ok(Algorithm { oid, parameters })
    }
}

impl<'a> Algorithm<'a> {
    /// The elements inside its parameters, which must be a SEQUENCE.
    pub(crate) fn parameters_sequence(&self) -> Result<Fields<'a>, Fault> {
        match self.parameters {
            Some(parameters) if parameters.tag() == Tag::Sequence => Fields::of(parameters.value()),
            _ => fault("the parameters of an algorithm are missing"),
        }
    }
}
