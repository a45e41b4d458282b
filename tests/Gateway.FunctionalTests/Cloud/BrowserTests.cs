using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>What a person does with the local cloud, in a real browser.</summary>
public sealed class BrowserTests
{
    // A whole cloud, a browser and two machines on a busy computer.
    private const float Patience = 30_000;

    [Fact]
    public async Task Alice_SignsInAndTypesIntoHerTerminal_AndBobGetsAMachineOfHisOwn()
    {
        await using var cloud = await RunningCloud.StartAsync();
        await using var browser = await RunningBrowser.StartAsync();

        var alice = await SignInAsync(browser, cloud, "alice");
        Assert.Contains("42", await TypeAsync(alice, "echo $((6*7))", "42"), StringComparison.Ordinal);
        var hers = await MachineAsync(alice);

        if (Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 } folder)
        {
            await alice.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, "terminal.png") });
        }

        var bob = await SignInAsync(browser, cloud, "bob");
        var his = await MachineAsync(bob);
        Assert.NotEqual(hers, his);
    }

    /// <summary>What docs/security.md says of a workspace whose pages, on the gateway's own origin, turn against it; and of its neighbours.</summary>
    [Fact]
    public async Task HostilePageOfAWorkspace_NeitherFramesNorShadowsTheGateway_NorSeesACookieOfIts()
    {
        await using var cloud = await RunningCloud.StartAsync();
        await using var browser = await RunningBrowser.StartAsync();
        var page = await SignInAsync(browser, cloud, "alice");

        Assert.DoesNotContain("gateway", await page.EvaluateAsync<string>("() => document.cookie"), StringComparison.Ordinal);
        await page.EvaluateAsync("() => { document.cookie = 'gateway=evil; path=/'; document.cookie = 'gateway=evil; path=/.gateway'; document.cookie = 'GATEWAY=evil; path=/'; }");
        foreach (var script in new[] { "/sw.js", "/.gateway/sw.js", "/.gateway/me" })
        {
            Assert.Equal("refused", await page.EvaluateAsync<string>("script => navigator.serviceWorker.register(script, { scope: '/' }).then(() => 'registered', () => 'refused')", script));
        }

        Assert.Equal("not shown", await page.EvaluateAsync<string>(
            """
            () => new Promise(end => {
              const frame = document.createElement('iframe');
              frame.onload = frame.onerror = () => {
                let text = '';
                try { text = frame.contentDocument?.body?.innerText ?? ''; } catch { }
                end(text.includes('Signed out') ? 'shown' : 'not shown');
              };
              frame.src = '/.gateway/signed-out';
              document.body.append(frame);
            })
            """));
        Assert.Equal("alice", await page.EvaluateAsync<string>("() => fetch('/.gateway/me').then(answer => answer.json()).then(me => me.user)"));

        // A neighbour of hers on the private network, who knows where she is.
        var address = await page.EvaluateAsync<string>("() => fetch('/api/env').then(answer => answer.json()).then(env => env.FLY_PRIVATE_IP)");
        using var neighbour = new HttpClient { Timeout = TimeSpan.FromMilliseconds(Patience) };
        using var answer = await neighbour.GetAsync(new Uri($"http://{address}:10000/api/env"));
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task TerminalSignedInByDeviceCode_OpensWithItsToken_AndClosesWithAReasonWhenThatIsRevokedOnThePage()
    {
        await using var cloud = await RunningCloud.StartAsync();
        await using var browser = await RunningBrowser.StartAsync();
        var page = await SignInAsync(browser, cloud, "alice");
        using var program = new HttpClient { BaseAddress = new Uri(cloud.Url), Timeout = TimeSpan.FromMilliseconds(Patience) };
        var codes = await AskAsync(program, "/.gateway/device/code", new() { ["client_id"] = "terminal" });

        await page.GotoAsync(codes["verification_uri"]!.GetValue<string>());
        await page.FillAsync("input[name=user_code]", codes["user_code"]!.GetValue<string>());
        await page.ClickAsync("button");
        await page.ClickAsync("button[value=approve]");
        // The provider has her sign in anew, which no script of the workspace could.
        await page.FillAsync("#name", "alice");
        await page.ClickAsync("button[type=submit]");
        await page.WaitForURLAsync(url => url.StartsWith(cloud.Url + ".gateway/", StringComparison.Ordinal));
        var granted = await AskAsync(
            program,
            "/.gateway/device/token",
            new() { ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["device_code"] = codes["device_code"]!.GetValue<string>() });
        Assert.True(granted["access_token"] is not null, $"No token but {granted["error"]}; the page was {page.Url}:\n{await page.ContentAsync()}");

        using var bound = new CancellationTokenSource(TimeSpan.FromMilliseconds(Patience), TimeProvider.System);
        using var terminal = new ClientWebSocket();
        terminal.Options.SetRequestHeader("Authorization", "Bearer " + granted["access_token"]!.GetValue<string>());
        await terminal.ConnectAsync(new Uri(cloud.Url.Replace("http:", "ws:", StringComparison.Ordinal) + "terminal"), bound.Token);
        var buffer = new byte[64 * 1024];
        Assert.NotEqual(WebSocketMessageType.Close, (await terminal.ReceiveAsync(buffer, bound.Token)).MessageType);

        await page.GotoAsync(cloud.Url + ".gateway/tokens");
        await page.ClickAsync("form[action$='/revoke'] button");
        while ((await terminal.ReceiveAsync(buffer, bound.Token)).MessageType is not WebSocketMessageType.Close)
        {
            // What the shell had still to say.
        }

        Assert.Contains("revoked", terminal.CloseStatusDescription, StringComparison.Ordinal);
    }

    private static async Task<JsonNode> AskAsync(HttpClient program, string path, Dictionary<string, string> fields)
    {
        using var form = new FormUrlEncodedContent(fields);
        using var answer = await program.PostAsync(new Uri(path, UriKind.Relative), form);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    /// <summary>A profile of its own: to the workspace, through the provider's page, and back to where it was going.</summary>
    private static async Task<IPage> SignInAsync(RunningBrowser browser, RunningCloud cloud, string name)
    {
        var page = await browser.OpenAsync();
        try
        {
            await page.GotoAsync(cloud.Url + "?from=bookmark");
            await page.FillAsync("#name", name);
            await page.ClickAsync("button[type=submit]");
            await page.WaitForURLAsync(cloud.Url + "?from=bookmark");
            await page.WaitForSelectorAsync(".xterm-screen");
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{name} did not get to a terminal but to {page.Url}:\n{await page.ContentAsync()}\nThe cloud said:\n{cloud.Said}", exception);
        }

        return page;
    }

    private static async Task<string> TypeAsync(IPage page, string command, string shows)
    {
        await page.Locator(".xterm").First.ClickAsync();
        await page.Keyboard.TypeAsync(command + "\n");
        // The rows hold what a person sees; the command itself does not contain its result.
        var rows = page.Locator(".xterm-rows");
        await Assertions.Expect(rows).ToContainTextAsync(shows, new LocatorAssertionsToContainTextOptions { Timeout = Patience });
        return await rows.InnerTextAsync();
    }

    /// <summary>Asked through the page's own origin, with the browser's own cookie.</summary>
    private static async Task<string> MachineAsync(IPage page) =>
        await page.EvaluateAsync<string>("() => fetch('/api/env').then(answer => answer.json()).then(env => JSON.stringify(env))");

    /// <summary>The local cloud as a person starts it, ready.</summary>
    private sealed class RunningCloud : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly string _parent;
        private readonly List<string> _lines;

        private RunningCloud(Process process, string parent, string url, List<string> lines) => (_process, _parent, Url, _lines) = (process, parent, url, lines);

        public string Url { get; }

        public string Said
        {
            get
            {
                lock (_lines)
                {
                    return string.Join('\n', _lines);
                }
            }
        }

        public static async Task<RunningCloud> StartAsync()
        {
            var parent = Directory.CreateTempSubdirectory("cloud-").FullName;
            var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LocalCloud.dll")]) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["LOCAL_CLOUD_DATA"] = Path.Combine(parent, "data");
            var ports = FreePorts.Take(6);
            foreach (var (name, port) in new[] { "PublicPort", "Http2Port", "OperationsPort", "IdentityPort", "MachinesPort", "RedisPort" }.Zip(ports))
            {
                start.Environment[$"LocalCloud__{name}"] = port.ToString(CultureInfo.InvariantCulture);
            }

            var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var lines = new List<string>();
            var process = new Process { StartInfo = start };
            process.OutputDataReceived += (_, line) => Hear(line.Data);
            process.ErrorDataReceived += (_, line) => Hear(line.Data);
            process.Start();
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            try
            {
                await ready.Task.WaitAsync(TimeSpan.FromMilliseconds(Patience));
            }
            catch (TimeoutException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException("The local cloud was not ready in time; it said:\n" + string.Join('\n', lines));
            }

            return new RunningCloud(process, parent, $"http://localhost:{ports[0]}/", lines);

            void Hear(string? line)
            {
                lock (lines)
                {
                    lines.Add(line ?? "");
                }

                if (line?.StartsWith("ready: ", StringComparison.Ordinal) is true)
                {
                    ready.TrySetResult();
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
            Directory.Delete(_parent, recursive: true);
        }
    }
}
