//! Sign-in and sign-out, without a script.

use andon_api::Problem;
use andon_auth::Tokens;
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};

use crate::caller::COOKIE;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows of sign-in.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/signin", "show_signin").open().hidden().handle(show),
        Endpoint::post("/signin", "sign_in").open().hidden().event("session.opened").body_max_bytes(16 * 1024).handle(sign_in),
        Endpoint::post("/signout", "sign_out").open().hidden().event("session.closed").body_max_bytes(1024).handle(sign_out),
    ]
}

fn show(_world: World, call: Call) -> Answer {
    Box::pin(async move {
        let token = call.query("token").unwrap_or_default().to_owned();
        Ok(Reply::html(page(&token, call.query("return").unwrap_or("/"), "")))
    })
}

fn sign_in(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let form = call.form();
        let text = |name: &str| form.get(name).map_or("", |value| value.trim());
        let back = safe_return(text("return"));
        let tokens = Tokens::new(world.store.clone());
        let found = tokens.authenticate(text("token"), &call.caller.actor.origin, world.now()).await;
        let caller = match found {
            Ok(caller) => caller,
            Err(problem) => {
                let page = page("", &back, &format!("{} ({})", problem.detail, problem.code));
                return Ok(Reply::bytes(http::StatusCode::UNAUTHORIZED, "text/html; charset=utf-8", page));
            }
        };
        let session = tokens.open_session(&caller, world.now()).await?;
        let secure = if world.settings.public_url.starts_with("https:") { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200{secure}");
        Ok(Reply::redirect(back).with_header("set-cookie", cookie))
    })
}

fn sign_out(world: World, call: Call) -> Answer {
    Box::pin(async move {
        if let Some(id) = &call.caller.token_id {
            Tokens::new(world.store.clone()).revoke(id, call.event("session.closed")).await?;
        }
        let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        Ok(Reply::redirect("/signin").with_header("set-cookie", cookie))
    })
}

/// Goes back to a page of this server alone.
fn safe_return(path: &str) -> String {
    let inside = path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\");
    if inside && !path.contains(['\r', '\n']) { path.to_owned() } else { "/".to_owned() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(token: &str, back: &str, problem: &str) -> String {
    let alert = if problem.is_empty() {
        String::new()
    } else {
        format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(problem))
    };
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Sign in to Andon</title><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem}}
h1{{font-size:1.4rem}}label{{display:block;font-weight:600}}
input{{width:100%;box-sizing:border-box;padding:.6rem;font:inherit;margin:.3rem 0 1rem}}
button{{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1c7ed6;color:#fff}}
.bad{{border-left:4px solid #e03131;padding:.4rem .8rem}}small{{opacity:.75}}</style></head><body>
<h1>Andon</h1>{alert}<form method="post" action="/signin">
<label for="token">Token</label><input id="token" name="token" type="password" autocomplete="current-password" required autofocus value="{}">
<input type="hidden" name="return" value="{}"><button type="submit">Sign in</button></form>
<p><small>An administrator makes one with <code>andon token create --user user:default/you --role engineer</code>.</small></p>
</body></html>"#,
        escape(token),
        escape(back)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_returns_to_this_server_alone() {
        assert_eq!(safe_return("/incidents/inc-1?a=b"), "/incidents/inc-1?a=b");
        for path in ["https://evil", "//evil", "/\\evil", "", "/a\r\nset-cookie: x"] {
            assert_eq!(safe_return(path), "/", "{path}");
        }
    }
}
