//! A store with one object, which fails or lies as a test wants.

use http1::{BodyError, Limits, Request, ResponseHead, Stopper, serve, stop_channel};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

#[derive(Debug, Clone)]
pub(crate) enum Habit {
    /// Keeps something else.
    Changes,
    /// Keeps nothing.
    Forgets,
    /// Keeps the beginning.
    Cuts,
    /// Has something already, and would write over it.
    Holds(Vec<u8>),
    /// Answers everything with this.
    Refuses(u16),
    /// Ends every connection.
    HangsUp,
    /// Answers with more than was asked for.
    Floods,
    NeverAnswers,
    /// Is busy for so many requests.
    Busy(usize),
    /// Keeps what it is given, and hangs up instead of saying so, so many times.
    LosesAnswers(usize),
}

impl Habit {
    pub(crate) fn shown(&self) -> String {
        if let Self::Holds(_) = self { "Holds".to_owned() } else { format!("{self:?}") }
    }
}

struct State {
    habit: Habit,
    held: Option<Vec<u8>>,
}

pub(crate) struct Double {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
    _stopper: Stopper,
}

impl Double {
    pub(crate) async fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let held = if let Habit::Holds(octets) = &habit { Some(octets.clone()) } else { None };
        let state = Arc::new(Mutex::new(State { habit, held }));
        let (stopper, stop) = stop_channel();
        let shared = Arc::clone(&state);
        let handler = move |request: Request, _| handle(Arc::clone(&shared), request);
        tokio::spawn(serve(listener, handler, Limits::default(), stop));
        Self { endpoint, state, _stopper: stopper }
    }

    pub(crate) fn held(&self) -> Option<Vec<u8>> {
        self.state.lock().unwrap().held.clone()
    }
}

/// What becomes of a request.
enum Answer {
    Head(ResponseHead, Vec<u8>),
    HangUp,
    Nothing,
}

async fn handle(state: Arc<Mutex<State>>, mut request: Request) {
    let body: Result<Vec<u8>, BodyError> = request.body.read_all(64 << 20).await;
    let range = request.head.header_text("range").map(str::to_owned);
    let answer = decide(&mut state.lock().unwrap(), &request.head.method, body.unwrap_or_default(), range);
    match answer {
        Answer::Head(head, body) => drop(request.responder.respond(&head, &body).await),
        Answer::HangUp => {}
        Answer::Nothing => std::future::pending().await,
    }
}

fn decide(state: &mut State, method: &str, body: Vec<u8>, range: Option<String>) -> Answer {
    let plain = |status| Answer::Head(ResponseHead::new(status), Vec::new());
    match &mut state.habit {
        Habit::Refuses(status) => return plain(*status),
        Habit::HangsUp => return Answer::HangUp,
        Habit::NeverAnswers => return Answer::Nothing,
        Habit::Busy(left) if *left > 0 => {
            *left -= 1;
            return plain(503);
        }
        Habit::Floods if method == "GET" => {
            let head = ResponseHead::new(206).with("Content-Range", "bytes 0-8388607/8389615");
            return Answer::Head(head, vec![0; 20 << 20]);
        }
        _ => {}
    }
    if method == "PUT" {
        return put(state, body);
    }
    let Some(held) = &state.held else { return plain(404) };
    let (start, end) =
        range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.split_once('-')).unwrap();
    let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
    let end = (end + 1).min(held.len());
    if start >= end {
        return plain(416);
    }
    let head = ResponseHead::new(206)
        .with("Content-Range", format!("bytes {start}-{}/{}", end - 1, held.len()))
        .with("ETag", "\"1\"")
        .with("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    Answer::Head(head, held[start..end].to_vec())
}

fn put(state: &mut State, mut body: Vec<u8>) -> Answer {
    let done = Answer::Head(ResponseHead::new(200).with("ETag", "\"1\""), Vec::new());
    if matches!(state.habit, Habit::LosesAnswers(_)) && state.held.is_some() {
        return Answer::Head(ResponseHead::new(412), Vec::new());
    }
    let mut lost = false;
    match &mut state.habit {
        Habit::Forgets => return done,
        Habit::Changes => body[8_388_700] ^= 1,
        Habit::Cuts => body.truncate(1000),
        Habit::LosesAnswers(left) if *left > 0 => {
            *left -= 1;
            lost = true;
        }
        _ => {}
    }
    state.held = Some(body);
    if lost { Answer::HangUp } else { done }
}
