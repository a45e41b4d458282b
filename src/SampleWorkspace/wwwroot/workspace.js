'use strict';

const status = document.getElementById('status');
const terminal = new Terminal({ cursorBlink: true, screenReaderMode: true, theme: { background: '#16181d' } });
const fit = new FitAddon.FitAddon();
terminal.loadAddon(fit);
terminal.open(document.getElementById('terminal'));
fit.fit();

// Relative to the page, so that it works behind any host name and scheme.
const address = new URL('terminal', location.href);
address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
let socket;

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  socket = new WebSocket(address);
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === 'connected') {
      status.textContent = 'Connected';
      send({ type: 'resize', cols: terminal.cols, rows: terminal.rows });
      terminal.focus();
    } else if (message.type === 'data') {
      terminal.write(message.data);
    } else if (message.type === 'exit') {
      status.textContent = 'The shell has ended';
    }
  };
  socket.onclose = event => {
    status.textContent = `Disconnected${event.reason ? `: ${event.reason}` : ''}. Press Enter to connect again.`;
  };
}

terminal.onData(data => {
  if (socket.readyState === WebSocket.CLOSED) {
    if (data === '\r') {
      status.textContent = 'Connecting';
      terminal.reset();
      connect();
    }
  } else {
    send({ type: 'data', data });
  }
});
terminal.onResize(({ cols, rows }) => send({ type: 'resize', cols, rows }));
new ResizeObserver(() => fit.fit()).observe(document.getElementById('terminal'));
connect();
