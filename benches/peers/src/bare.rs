//! Pingora as it comes: its stock listener and its stock proxy, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

struct Bare {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves with one thread until the process ends.
pub fn serve(listen: SocketAddr, upstream: SocketAddr) -> ! {
    let mut conf = ServerConf::new().unwrap_or_default();
    conf.threads = 1;
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let conf: &Arc<ServerConf> = &server.configuration;
    let mut service = http_proxy_service(conf, Bare { upstream });
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run_forever()
}
