using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using SampleWorkspace;
using Xunit;

namespace Gateway.FunctionalTests.Sample;

public sealed class WorkspaceApiTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Health_TellsSinceWhenTheWorkspaceCouldAnswer()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        var first = await workspace.Client.GetFromJsonAsync<JsonElement>("/api/health");
        var second = await workspace.Client.GetFromJsonAsync<JsonElement>("/api/health");

        Assert.Equal("ok", first.GetProperty("status").GetString());
        Assert.True(first.GetProperty("answerableSince").GetInt64() > 0);
        Assert.Equal(first.GetProperty("answerableSince").GetInt64(), second.GetProperty("answerableSince").GetInt64());
    }

    [Fact]
    public async Task Chat_StreamsALineASecond()
    {
        var time = new FakeTimeProvider();
        await using var workspace = await WorkspaceFixture.StartAsync(time);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/chat?seconds=3");
        using var response = await workspace.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

        // The first line is here although no time has passed: it was flushed, and the rest is not written yet.
        Assert.Contains("\"second\":1", await lines.ReadLineAsync().WaitAsync(Limit), StringComparison.Ordinal);
        Assert.Contains("\"second\":2", await NextAsync(lines, time), StringComparison.Ordinal);
        Assert.Contains("\"second\":3", await NextAsync(lines, time), StringComparison.Ordinal);
        Assert.Contains("\"type\":\"done\"", await NextAsync(lines, time), StringComparison.Ordinal);
        Assert.Null(await lines.ReadLineAsync().WaitAsync(Limit));
    }

    [Fact]
    public async Task Silent_AnswersOnlyAfterItsSilence()
    {
        var time = new FakeTimeProvider();
        await using var workspace = await WorkspaceFixture.StartAsync(time);
        var answer = workspace.Client.GetStringAsync("/api/silent?seconds=600");
        await PassTimeAsync(time, TimeSpan.FromSeconds(60), answer);

        Assert.Contains("600", await answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    public async Task Upload_IsCountedAndHashed(string method)
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        var body = RandomNumberGenerator.GetBytes(35_000_000);
        using var request = new HttpRequestMessage(new HttpMethod(method), "/api/upload") { Content = new ByteArrayContent(body) };
        using var response = await workspace.Client.SendAsync(request);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), answer.GetProperty("sha256").GetString());
        Assert.Equal(body.Length, answer.GetProperty("length").GetInt64());
        Assert.Equal(1, answer.GetProperty("uploads").GetInt32());
        Assert.Equal(1, (await workspace.Client.GetFromJsonAsync<JsonElement>("/api/upload")).GetProperty("uploads").GetInt32());
    }

    [Fact]
    public async Task Echo_ShowsTheRequestAsItArrived()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, workspace.Address.Port).WaitAsync(Limit);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "PATCH /api/echo/a%2Fb/%7e/../c?q=%20+&&x HTTP/1.1\r\nHost: some.example\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
            + "Transfer-Encoding: chunked\r\nTrailer: X-Last\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Last: 3\r\n\r\n"));
        var answer = await new StreamReader(stream).ReadToEndAsync().WaitAsync(Limit);
        var echo = JsonSerializer.Deserialize<JsonElement>(answer[answer.IndexOf('{', StringComparison.Ordinal)..]);

        Assert.Equal("PATCH", echo.GetProperty("method").GetString());
        Assert.Equal("/api/echo/a%2Fb/%7e/../c?q=%20+&&x", echo.GetProperty("rawTarget").GetString());
        Assert.Equal("some.example", echo.GetProperty("headers").GetProperty("Host")[0].GetString());
        Assert.Equal(["1", "2"], echo.GetProperty("headers").GetProperty("X-Twice").EnumerateArray().Select(value => value.GetString()));
        Assert.Equal("3", echo.GetProperty("trailers").GetProperty("X-Last")[0].GetString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData("hi"u8)), echo.GetProperty("sha256").GetString());
    }

    [Fact]
    public async Task File_IsKeptOnTheVolume()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        using var written = await workspace.Client.PutAsync("/api/files/note", new StringContent("remember"));

        Assert.Equal(HttpStatusCode.Created, written.StatusCode);
        Assert.Equal("remember", await workspace.Client.GetStringAsync("/api/files/note"));
        Assert.Equal(["note"], Directory.GetFileSystemEntries(workspace.Folder).Select(Path.GetFileName));
    }

    [Fact]
    public async Task File_IsNeverOutsideTheVolume()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        using var written = await workspace.Client.PutAsync("/api/files/..%2Fescaped", new StringContent("x"));

        Assert.Equal(HttpStatusCode.BadRequest, written.StatusCode);
        Assert.False(File.Exists(Path.Combine(workspace.Folder, "..", "escaped")));
    }

    [Fact]
    public async Task Page_AndItsTerminal_AreServed()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();

        Assert.Contains("xterm/xterm.js", await workspace.Client.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Contains("Terminal", await workspace.Client.GetStringAsync("/xterm/xterm.js"), StringComparison.Ordinal);
    }

    [Fact]
    public void Environment_ShowsDocumentedVariablesOnly()
    {
        var folder = Directory.CreateTempSubdirectory("workspace-").FullName;
        var environment = new Dictionary<string, string> { ["WORKSPACE_DIR"] = folder, ["USER_ID"] = "alice", ["ANTHROPIC_API_KEY"] = "fake-key-for-tests" };
        var settings = WorkspaceSettings.From(environment.GetValueOrDefault);
        Directory.Delete(folder);

        Assert.Equal(["USER_ID", "WORKSPACE_DIR"], settings.Documented.Keys.Order());
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Any, 10000), settings.Listen);
        Assert.Equal(folder, settings.Folder);
    }

    private static async Task<string?> NextAsync(StreamReader lines, FakeTimeProvider time)
    {
        var line = lines.ReadLineAsync();
        await PassTimeAsync(time, TimeSpan.FromSeconds(1), line);
        return await line;
    }

    // The workspace may not have begun to wait yet when the clock moves, so it is moved until the answer comes.
    private static async Task PassTimeAsync(FakeTimeProvider time, TimeSpan step, Task answer)
    {
        for (var since = TimeProvider.System.GetTimestamp(); !answer.IsCompleted;)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Limit, "No answer.");
            time.Advance(step);
            await Task.WhenAny(answer, Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System));
        }
    }
}
