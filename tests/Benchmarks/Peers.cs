using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Figures;
using Gateway.FunctionalTests;
using Gateway.FunctionalTests.Cloud;
using LocalCloud;

namespace Benchmarks;

/// <summary>The gateway as deployed and whatever else is installed, in front of one backend.</summary>
internal sealed class Peers : IAsyncDisposable
{
    public const int Users = 100;
    public const string Ours = "gateway";
    public const string Yarp = "plain YARP";

    private readonly List<ChildProcess> _processes = [];
    private readonly string _folder;
    private Stage? _stage;

    private Peers(string folder) => _folder = folder;

    public List<Peer> All { get; } = [];

    public Stage Stage => _stage!;

    /// <summary>Those that are not installed, and so are not in the tables.</summary>
    public List<string> Missing { get; } = [];

    private readonly int _backend = FreePorts.Take();

    public string BackendUrl => Url(_backend);

    /// <param name="folder">For configurations and credentials.</param>
    /// <param name="against">Of the others, only those with this in their name; plain YARP always. Null: all.</param>
    public static async Task<Peers> StartAsync(string folder, string? against)
    {
        var peers = new Peers(folder);
        await peers.StartBackendAsync();
        await peers.StartGatewayAsync();
        await peers.StartPlainYarpAsync();
        await peers.StartOthersAsync(name => against is null || name.Contains(against, StringComparison.OrdinalIgnoreCase));
        foreach (var peer in peers.All)
        {
            await peers.CheckAsync(peer);
        }

        return peers;
    }

    public async ValueTask DisposeAsync()
    {
        if (_stage is not null)
        {
            await _stage.DisposeAsync();
        }

        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    /// <summary>As it stands in a request's head.</summary>
    public static string Bearer(string token) => "Authorization: Bearer " + token;

    /// <summary>Signs the same users in at the gateway, as browsers; the file of their cookies.</summary>
    public async Task<string> SignInAsync()
    {
        var cookies = new List<string>();
        for (var i = 0; i < Users; i++)
        {
            cookies.Add("Cookie: " + await Stage.SignInAsync($"user{i}"));
        }

        var file = await WriteAsync("cookies", cookies);
        await CheckAsync(All[0] with { CredentialsFile = file });
        return file;
    }

    private async Task<string> WriteAsync(string name, IEnumerable<string> credentials)
    {
        var file = Path.Combine(_folder, "credentials-" + name);
        await File.WriteAllLinesAsync(file, credentials);
        return file;
    }

    private static string Url(int port) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");

    private async Task StartBackendAsync() => _processes.Add(await StartSmallBackendAsync(_folder, "backend", _backend));

    /// <summary>The workspace of all machines: small answers, and 64 KB at <c>/64k</c>.</summary>
    public static async Task<ChildProcess> StartSmallBackendAsync(string folder, string name, int port)
    {
        // nginx reads it as nobody, if it was started by root.
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherExecute);
        }

        var file = Path.Combine(folder, "64k");
        await File.WriteAllBytesAsync(file, new byte[64 * 1024]);
        return await StartNginxAsync(folder, name, $$"""
            server {
              listen 0.0.0.0:{{port}} backlog=4096 reuseport;
              location = /small { default_type application/json; return 200 '{"answer":"small"}'; }
              location = /64k { alias {{file}}; }
              location / { return 200; }
            }
            """, workers: 1);
    }

    private async Task StartGatewayAsync()
    {
        // The limits are on and count; they are set so that the load itself is not refused.
        var http2 = Url(FreePorts.Take());
        _stage = await Stage.SetAsync(static _ => { }, 1,
            ("Proxying:ListenHttp2", http2),
            // One request in a hundred is traced; the backend takes the spans, and answers 200 to anything.
            ("OTEL_EXPORTER_OTLP_ENDPOINT", BackendUrl), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("Proxying:WorkspacePort", _backend.ToString(CultureInfo.InvariantCulture)),
            ("Proxying:RequestsPerUser", "1000000"), ("Proxying:BurstPerUser", "1000000"), ("Proxying:ConcurrentPerUser", "1000"),
            ("Logging:LogLevel:Default", "Warning"));
        var given = await _stage.GiveMachinesAsync(Users);
        var tokens = given.Select(one => _stage.TokenOf(one.User)).ToArray();
        var file = await WriteAsync("rs256", tokens.Select(Bearer));
        All.Add(new Peer(Ours, "bearer (RS256), rate and concurrency limits, a route and machine per user, activity and byte accounting, metrics, 1 % tracing, logs at Warning", _stage.Gateway.Url.ToString().TrimEnd('/'), [_stage.Gateway.Id], file)
        {
            Http2Url = http2,
            MetricsUrl = new Uri(_stage.Gateway.OperationsUrl, "/metrics").ToString(),
            Authenticates = true,
        });
        // Awake, every one of them, before anything is measured.
        await Parallel.ForEachAsync(tokens, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (token, _) => await GetAsync(All[0], Bearer(token)));
    }

    private async Task StartPlainYarpAsync()
    {
        var (port, operations, http2) = (FreePorts.Take(), FreePorts.Take(), FreePorts.Take());
        var own = typeof(Peers).Assembly.Location;
        var process = await StartAsync("yarp", [Programs.Host, own, PlainYarp.Mode, $"{port}", $"{operations}", $"{http2}", BackendUrl]);
        All.Add(new Peer(Yarp, "nothing else", Url(port), [process.Id], All[0].CredentialsFile) { Http2Url = Url(http2), MetricsUrl = Url(operations) + "/metrics" });
    }

    private async Task StartOthersAsync(Func<string, bool> wanted)
    {
        var authority = FreePorts.Take();
        var cheapest = await StartNginxAsync("authority", $$"""
            server { listen 127.0.0.1:{{authority}} backlog=4096; keepalive_requests 1000000000; location / { if ($http_authorization = "") { return 401; } return 204; } }
            """, workers: 1);
        (string Name, Func<string, Task> StartAsync)[] others =
        [
            ("nginx + auth_request", name => StartNginxAsync(name, authority, cheapest.Id)),
            ("HAProxy + jwt_verify + map", StartHaproxyAsync),
            ("Caddy + forward_auth", name => StartCaddyAsync(name, authority, cheapest.Id)),
            ("configurable-http-proxy", StartConfigurableProxyAsync),
        ];
        foreach (var (name, start) in others.Where(other => wanted(other.Name)))
        {
            await start(name);
        }
    }

    private async Task StartNginxAsync(string name, int authority, int authorityProcess)
    {
        var port = FreePorts.Take();
        var nginx = await StartNginxAsync("nginx", $$"""
            upstream backend { server 127.0.0.1:{{_backend}}; keepalive 64; keepalive_requests 1000000000; }
            upstream authority { server 127.0.0.1:{{authority}}; keepalive 64; keepalive_requests 1000000000; }
            server {
              listen 127.0.0.1:{{port}} backlog=4096;
              keepalive_requests 1000000000;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              location / { auth_request /authority; proxy_pass http://backend; }
              location = /authority { internal; proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://authority; }
            }
            """, workers: 2);
        All.Add(new Peer(name, "asks an nginx that answers 204 to any credential", Url(port), [nginx.Id, authorityProcess], All[0].CredentialsFile) { Authenticates = true });
    }

    private async Task StartHaproxyAsync(string name)
    {
        if (Find("haproxy") is not { } haproxy)
        {
            return;
        }

        var (port, secret) = (FreePorts.Take(), RandomNumberGenerator.GetHexString(32));
        var tokens = await WriteAsync("hs256", Enumerable.Range(0, Users).Select(i => Bearer(SignedCheaply($"user{i}", secret))));
        var map = Path.Combine(_folder, "haproxy.map");
        await File.WriteAllLinesAsync(map, Enumerable.Range(0, Users).Select(static i => $"user{i} backend"));
        var config = Path.Combine(_folder, "haproxy.cfg");
        await File.WriteAllTextAsync(config, $$"""
            global
              nbthread 2
            defaults
              mode http
              timeout connect 5s
              timeout client 60s
              timeout server 60s
              http-reuse always
            frontend public
              bind 127.0.0.1:{{port}}
              http-request set-var(txn.bearer) http_auth_bearer
              http-request set-var(txn.algorithm) var(txn.bearer),jwt_header_query('$.alg')
              http-request deny deny_status 401 unless { var(txn.algorithm) -m str HS256 }
              http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.algorithm,"{{secret}}") 1 }
              http-request set-var(txn.user) var(txn.bearer),jwt_payload_query('$.sub')
              use_backend %[var(txn.user),map({{map}},none)]
            backend backend
              server one 127.0.0.1:{{_backend}}
            backend none
              http-request deny deny_status 404

            """);
        var process = await StartAsync("haproxy", [haproxy, "-db", "-f", config]);
        All.Add(new Peer(name, "bearer (HS256, the cheapest to verify), a backend per user from a map", Url(port), [process.Id], tokens) { Authenticates = true });
    }

    private async Task StartCaddyAsync(string name, int authority, int authorityProcess)
    {
        if (Find("caddy") is not { } caddy)
        {
            return;
        }

        var port = FreePorts.Take();
        var config = Path.Combine(_folder, "Caddyfile");
        await File.WriteAllTextAsync(config, $$"""
            {
              admin off
              auto_https off
            }
            http://127.0.0.1:{{port}} {
              forward_auth 127.0.0.1:{{authority}} {
                uri /
              }
              reverse_proxy 127.0.0.1:{{_backend}}
            }

            """);
        var process = await StartAsync("caddy", [caddy, "run", "--config", config, "--adapter", "caddyfile"]);
        All.Add(new Peer(name, "asks an nginx that answers 204 to any credential", Url(port), [process.Id, authorityProcess], All[0].CredentialsFile) { Authenticates = true });
    }

    private async Task StartConfigurableProxyAsync(string name)
    {
        if (Find("configurable-http-proxy") is not { } proxy)
        {
            return;
        }

        var (port, api) = (FreePorts.Take(), FreePorts.Take());
        var process = await StartAsync("chp", [proxy, "--ip", "127.0.0.1", "--port", $"{port}", "--api-ip", "127.0.0.1", "--api-port", $"{api}", "--default-target", BackendUrl, "--log-level", "warn"]);
        All.Add(new Peer(name, "nothing else", Url(port), [process.Id], All[0].CredentialsFile));
    }

    private string? Find(string program)
    {
        var found = Installed(program);
        if (found is null)
        {
            Missing.Add(program);
        }

        return found;
    }

    private static string? Installed(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private async Task<ChildProcess> StartNginxAsync(string name, string server, int workers)
    {
        var process = await StartNginxAsync(_folder, name, server, workers);
        _processes.Add(process);
        return process;
    }

    private static async Task<ChildProcess> StartNginxAsync(string parent, string name, string server, int workers)
    {
        var folder = Directory.CreateDirectory(Path.Combine(parent, name)).FullName;
        var config = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(config, $$"""
            daemon off;
            pid {{folder}}/pid;
            error_log {{folder}}/error.log warn;
            worker_processes {{workers}};
            worker_rlimit_nofile 65536;
            events { worker_connections 16384; }
            http {
              access_log off;
              keepalive_requests 1000000000;
              client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/fastcgi; uwsgi_temp_path {{folder}}/uwsgi; scgi_temp_path {{folder}}/scgi;
            {{server}}
            }

            """);
        return await StartAsync(parent, name, [Installed("nginx") ?? throw new InvalidOperationException("nginx is not installed, and is the backend of all."), "-e", Path.Combine(folder, "error.log"), "-c", config]);
    }

    private static Task<ChildProcess> StartAsync(string folder, string name, string[] command) =>
        ChildProcess.StartAsync(name, command, folder, new Dictionary<string, string>(), new PrefixedConsole(Console.Error));

    private async Task<ChildProcess> StartAsync(string name, string[] command)
    {
        var process = await StartAsync(_folder, name, command);
        _processes.Add(process);
        return process;
    }

    /// <summary>The answer is the backend's, and whoever has no credential gets none where one is asked for.</summary>
    private async Task CheckAsync(Peer peer)
    {
        var credential = File.ReadLines(peer.CredentialsFile).First();
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                return await GetAsync(peer, credential) == (200, """{"answer":"small"}""");
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        if (peer.Authenticates && (await GetAsync(peer, null)).Status != 401)
        {
            throw new InvalidOperationException($"{peer.Name} lets strangers in.");
        }
    }

    private static async Task<(int Status, string Body)> GetAsync(Peer peer, string? credential)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, peer.Url + "/small");
        request.Headers.Accept.ParseAdd("application/json");
        if (credential is not null)
        {
            var line = credential.Split(": ");
            request.Headers.Add(line[0], line[1]);
        }

        using var answer = await http.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static string SignedCheaply(string user, string secret)
    {
        var head = Base64("""{"alg":"HS256","typ":"JWT"}"""u8);
        var body = Base64(Encoding.UTF8.GetBytes($$"""{"sub":"{{user}}","aud":"gateway-api","exp":4102444800}"""));
        return $"{head}.{body}.{Base64(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{head}.{body}")))}";
    }

    private static string Base64(ReadOnlySpan<byte> bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
