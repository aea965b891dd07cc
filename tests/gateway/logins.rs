//! The ways of logging in, each as its shipped example configures it.

use crate::support::client::Call;
use crate::support::rig::{Rig, api};

#[tokio::test]
async fn users_of_an_htpasswd_file_get_the_roles_of_their_name() {
    let rig = Rig::example("htpasswd.toml", &[]).await;
    for (user, password, read, submit) in [
        ("etl", "change me", 200, 200),
        ("ops", "change me", 200, 200),
        // No `[[user]]`: it is known, and may do nothing.
        ("guest", "change me", 403, 403),
        ("etl", "change", 401, 401),
        ("nobody", "change me", 401, 401),
    ] {
        let answer = rig
            .send(&Call::get(&api("/tasks")).login(user, password))
            .await;
        assert_eq!(answer.status, read, "{user}: {}", answer.text());
        let submission = Call::new("POST", &api("/task"))
            .login(user, password)
            .json(r#"{"type":"noop","dataSource":"wiki"}"#);
        let answer = rig.send(&submission).await;
        assert_eq!(answer.status, submit, "{user}: {}", answer.text());
    }
}
