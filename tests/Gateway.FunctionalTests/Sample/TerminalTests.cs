using System.Net;
using System.Net.WebSockets;
using Xunit;

namespace Gateway.FunctionalTests.Sample;

public sealed class TerminalTests
{
    [Fact]
    public async Task Shell_HasARealTerminal_AndIsAtHomeOnTheVolume()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();

        Assert.Equal(32, (await terminal.MessageAsync("connected")).GetProperty("termId").GetString()!.Length);
        Assert.Contains("/dev/pts/", await terminal.RunAsync("tty"), StringComparison.Ordinal);
        Assert.Contains("24 80", await terminal.RunAsync("stty size"), StringComparison.Ordinal);
        Assert.Contains($"{workspace.Folder}={workspace.Folder}", await terminal.RunAsync("echo $HOME=$PWD"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resize_ReachesTheProgramThatRuns()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.RunAsync("trap 'stty size; echo chan''ged' WINCH");
        await terminal.ResizeAsync(123, 45);

        // bash runs a trap when it next has something to do, which a key gives it.
        await terminal.TypeAsync("\r");
        Assert.Contains("45 123", await terminal.ShowsAsync("changed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ControlC_InterruptsWhatRuns_AndLeavesTheShell()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("sh -c 'echo star''ted; exec sleep 1000'\r");
        await terminal.ShowsAsync("started");
        await terminal.TypeAsync("\u0003");

        Assert.Contains("status=130", await terminal.RunAsync("echo status=$?"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signals_AreNotHandedDownIgnoredOrBlocked()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        var status = await terminal.RunAsync("(exec grep -E 'SigBlk|SigIgn' /proc/self/status)");

        Assert.Contains("SigBlk:\t0000000000000000", status, StringComparison.Ordinal);

        // 32 and up are the C library's own.
        Assert.Matches("SigIgn:\t[0-9a-f]{8}[08]0000000", status);
    }

    [Fact]
    public async Task FullScreenProgram_DrawsAndReadsSingleKeys()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("stty raw -echo; printf '\\033[?1049h\\033[2J\\033[5;7Hpress''-a-key'; head -c 1 > key; printf '\\033[?1049l'; stty sane; echo le''ft\r");
        Assert.Contains("\u001b[?1049h\u001b[2J\u001b[5;7H", await terminal.ShowsAsync("press-a-key"), StringComparison.Ordinal);
        await terminal.TypeAsync("q");

        Assert.Contains("\u001b[?1049l", await terminal.ShowsAsync("left"), StringComparison.Ordinal);
        Assert.Equal("q", await File.ReadAllTextAsync(Path.Combine(workspace.Folder, "key")));
    }

    [Fact]
    public async Task CharactersOfSeveralBytes_ArriveWhole()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await File.WriteAllTextAsync(Path.Combine(workspace.Folder, "text"), string.Concat(Enumerable.Repeat("a€😀", 20_000)));
        var shown = await terminal.RunAsync("cat text");

        Assert.Equal(20_000, shown.Split("a€😀").Length - 1);
        Assert.DoesNotContain("\uFFFD", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ShellThatEnds_SaysSoAndClosesTheSocket()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("exit\r");
        await terminal.MessageAsync("exit");

        Assert.Equal(WebSocketCloseStatus.NormalClosure, (await terminal.ReceiveAsync()).CloseStatus);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClosedSocket_TakesTheShellAndWhatRunsInItAlong(bool politely)
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("echo shell=$$,; sh -c 'echo child=$$,; exec sleep 1000'\r");
        var (_, shell) = (await terminal.ShowsAsync("shell="), await NumberAsync(terminal));
        var (_, child) = (await terminal.ShowsAsync("child="), await NumberAsync(terminal));
        if (politely)
        {
            await terminal.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        }
        else
        {
            terminal.Socket.Abort();
        }

        await ProcessTable.ReapedAsync(shell);
        await ProcessTable.EndedAsync(child);
    }

    [Fact]
    public async Task WorkspaceThatStops_EndsItsTerminalsPolitely()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.RunAsync("true");
        var stopped = workspace.StopAsync();
        await terminal.MessageAsync("exit");
        var close = await terminal.ReceiveAsync();
        await terminal.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        await stopped;

        Assert.Equal(WebSocketMessageType.Close, close.MessageType);
    }

    [Fact]
    public async Task WhatOutlivesItsTerminal_EndsWithTheWorkspace()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("nohup sleep 1000 >/dev/null 2>&1 & echo child=$!,; exit\r");
        var (_, child) = (await terminal.ShowsAsync("child="), await NumberAsync(terminal));
        await terminal.MessageAsync("exit");
        Assert.True(Directory.Exists($"/proc/{child}"));
        await workspace.StopAsync();

        await ProcessTable.EndedAsync(child);
    }

    [Fact]
    public async Task InputThatNobodyReads_DoesNotStopTheSocketFromClosing()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        await using var terminal = await workspace.OpenTerminalAsync();
        await terminal.TypeAsync("echo shell=$$,; sh -c 'stty raw -echo; echo rea''dy; exec sleep 1000'\r");
        var (_, shell) = (await terminal.ShowsAsync("shell="), await NumberAsync(terminal));
        await terminal.ShowsAsync("ready");
        await terminal.TypeAsync(new string('x', 200_000));
        terminal.Socket.Abort();

        await ProcessTable.ReapedAsync(shell);
    }

    [Fact]
    public async Task PlainRequest_IsToldToUpgrade()
    {
        await using var workspace = await WorkspaceFixture.StartAsync();
        using var response = await workspace.Client.GetAsync("/terminal");

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
    }

    // The echo of the typed line has no number in that place.
    private static async Task<int> NumberAsync(TerminalClient terminal)
    {
        var text = await terminal.ShowsAsync(",");
        return int.TryParse(text, out var number) ? number : await NextAsync(terminal);

        static async Task<int> NextAsync(TerminalClient terminal)
        {
            await terminal.ShowsAsync("=");
            return await NumberAsync(terminal);
        }
    }
}
